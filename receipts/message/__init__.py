"""Raw mail, opened: headers, MIME parts, character sets, winmail.dat and HTML."""
