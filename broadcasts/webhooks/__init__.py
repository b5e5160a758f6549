"""Webhooks of Meta about messages, people, templates and accounts.

Meta sends webhooks again and in any order. So a status moves its recipient forward or not at all, of two events about
the same thing the later one counts, and parts that can't be read are ignored.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""
