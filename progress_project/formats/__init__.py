"""Dates, times and numbers of the pages: as browsers' `Intl` writes them (`messages.js`), so that the cards on a page agree."""
