"""Dates, times and numbers of the pages: as browsers' `Intl` writes them (`messages.js`), as do the cards on a page."""
