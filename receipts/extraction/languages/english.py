"""English."""

from __future__ import annotations

from typing import Final

from .language import Language, split_months, split_table

ENGLISH: Final = Language(
    final_totals=split_table(
        "grand total | invoice total | invoice amount | invoice amt | order total | job total | total amount",
        "total price | total charges | total cost | total for this invoice | total invoice | total incl*",
        "total including* | total inc* | total (incl* | total (including* | total (inc* | amount incl* | gross total",
        "gross total amount | total gross | gross amount",
    ),
    payments=split_table(
        "total due | total due this invoice | total amount due | total amount payable | total amount paid",
        "total amount charged | total balance due | your total due | total paid | total charged | total to pay",
        "total payable | total payment | payment total | payment amount | amount due | amount paid | amount charged",
        "amount payable | amount received | balance due | please pay | you paid | you've paid | you sent | we charged",
        "we've charged | was charged | been charged",
    ),
    totals=split_table("total | totals | amount"),
    other_totals=split_table(
        "sub total | job sub total | items sub total | total before* | amount before* | total vat | total tax*",
        "total gst | total discount* | total savings | total saved | total items | total hours | total quantity",
        "total qty | total units | total weight | total pages | total net | total excl* | total excluding*",
        "total (excl* | total (excluding* | total (net* | total (before* | total without* | total ex*",
        "total shipping | shipping total | total credits | total fees | total points | total account | item total",
        "line total | line total amount | net total amount | vat amount | vat total | tax amount | tax total",
        "tax included in total | included in total | taxable amount | discount amount | discount total | net total",
        "net amount | previous balance | previous amount | amount enclosed | amount saved | account balance",
        "past due balance | credit limit | contract amount | total contract | unit amount | minimum amount",
        "original amount | add to total | withdrawal amount | total in words | amount in words",
    ),
    taxes=split_table("vat | tax | sales tax | gst | hst | pst | qst"),
    refund_totals=split_table(
        "total credit | credit total | credit amount | amount credited | amount refunded | refund amount",
        "refund total | total refund* | refunded amount | refunded | total amount refunded | total amount credited",
        "you received a refund of",
    ),
    deposits=split_table(
        "deposit* | prepayment* | prepaid | advance payment* | previously paid | credit applied | credits applied",
    ),
    currency_labels=split_table("currency | invoice currency"),
    other_dollars=split_table(
        "abn | acn | nzbn | hst | qst | gst no | gst number | gst reg* | gst (10%) | gst 10% | gst 15% | gst 9%",
        "total gst | gst amount | includes gst | including gst | inc gst | incl gst | plus gst",
    ),
    receipts=split_table(
        "tax invoice* | invoice* | receipt* | order confirmation* | payment confirmation* | payment received",
        "confirmation of payment | your order* | proof of purchase | billing statement | credit note* | credit memo*",
        "refund*",
    ),
    credit_notes=split_table(
        "credit note | credit memo | credit invoice | credit memorandum | refund | refund receipt"
    ),
    charges=split_table(
        "you paid | you've paid | you sent a payment | you've sent a payment | you authorized a payment",
        "you authorised a payment | you've authorized a payment | you've authorised a payment | your payment to",
        "your payment of | payment to | we charged | we've charged | was charged | were charged | been charged",
        "subscription renewed | subscription has been renewed | subscription was renewed | has been renewed",
        "was renewed | renewal notice | auto renewal",
    ),
    quotes=split_table(
        "quote | quotation | price quote | estimate | proforma | pro forma | pro forma invoice | proforma invoice",
        "proposal | offer",
    ),
    reminders=split_table(
        "payment reminder | reminder | friendly reminder | overdue | past due | invoice overdue",
        "outstanding invoice* | unpaid invoice* | final notice | statement of account | is due soon | is due in",
    ),
    failures=split_table(
        "payment failed | failed payment | payment was declined | payment declined | payment has been declined",
        "card declined | card was declined | payment unsuccessful | payment was unsuccessful | unsuccessful payment",
        "unable to process your payment | couldn't process your payment | could not process your payment",
        "we were unable to charge | we couldn't charge | payment could not be processed",
        "payment didn't go through | payment did not go through",
        "payment method was declined",
    ),
    failure_subjects=split_table(
        "update your payment | billing problem | problem with your payment | invoice received",
        "receipt of your invoice*",
    ),
    acknowledgements=split_table(
        "received your invoice* | your invoice has been received",
        "your invoice was received | your invoice has been registered | your invoice is being processed",
        "thank you for your invoice | thanks for your invoice | thank you for submitting your invoice",
        "your invoice has been approved",
    ),
    quoting=split_table("wrote: | original message | begin forwarded message"),
    quoted_headers=split_table("sent:"),
    issue_dates=split_table(
        "invoice date | date of invoice | invoice issue date | issue date | issued date | date of issue | date issued",
        "issued on | issued | receipt date | date of receipt | bill date | billing date | statement date",
        "credit note date | credit memo date | document date | date created | created | tax date",
    ),
    payment_dates=split_table(
        "payment date | date paid | date of payment | paid on | paid at | purchase date | date of purchase",
        "purchased on | transaction date | date of transaction | charged on | sent on | refunded on | date refunded",
    ),
    order_dates=split_table("order date | order placed | ordered on"),
    dates=split_table("date | dated"),
    other_dates=split_table(
        "due | due date | date due | due on | due by | payment due | payment due date | pay by | expiry date",
        "expiration date | expires* | expiry | valid until | valid through | delivery date | date of delivery",
        "delivery | delivered on | shipped on | ship date | shipping date | renews* | renewal date",
        "next billing date | next payment | next charge | period | billing period | service period | from | until",
        "through | between | print date | printed on | date of supply | service date | check in | check out",
        "date of birth",
    ),
    months=split_months(
        "january jan | february feb | march mar | april apr | may | june jun | july jul | august aug",
        "september sept sep | october oct | november nov | december dec",
    ),
    invoice_numbers=split_table("tax invoice | invoice | bill | credit note | credit memo"),
    receipt_numbers=split_table("receipt | refund"),
    document_numbers=split_table("document"),
    other_numbers=split_table("order | transaction | confirmation | reference"),
    number_marks=split_table("number | num | no | nr | id | reference | ref | n° | code"),
    sellers=split_table(
        "vendor | vendor name | seller | merchant | supplier | sold by | bill from | billed from | invoice from",
        "issued by | receipt from | payment to | your payment to | from",
    ),
    customers=split_table(
        "bill to | billed to | bill to address | sold to | ship to | shipped to | invoice to | customer* | client*",
        "buyer* | attn | attention | to | recipient | billing address | shipping address | delivery address",
        "submitted to | guest* | billing contact | technical contact | licensed to | cardholder*",
    ),
    payees=split_table(
        "payment to | payment of to | paid to | you paid to | receipt from | refund from | invoice from | order from",
        "purchase from | payment for",
    ),
    names=split_table("name | company name | company | business name"),
    business_ids=split_table(
        "vat no | vat number | vat registration* | vat id | tax id | company no | company number",
        "company registration* | abn | ein | gstin | registered in",
    ),
    pages=split_table("page | pg"),
)
