"""Hebrew."""

SHORT_DATE_FORMAT = "j.n.Y"
SHORT_DATETIME_FORMAT = "j.n.Y, G:i"
TIME_FORMAT = "G:i"
