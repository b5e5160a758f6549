"""How calls are found by what is said in them, and by their numbers, with PostgreSQL alone.

1. The database stores the words of every transcript (`Call.search`, by the function `recordings_words` of migration
   0004): the stem of each in the call's language, and of a Hebrew word also the rest behind each of its prefixes.
   A call with "מהמרפאה" has "מרפאה" too, at the same position, so that phrases are found. Stop words are stored.
2. The rest of a Hebrew word may be another word by chance: "מספר" contains "ספר". The shorter it is the likelier, so
   a rest of up to `SHORT` letters is stored with a mark (`DOUBTFUL`) and found among the likely matches only.
3. A search makes two queries (`query.py`). `certain_query`: the words as they are written, by their stem.
   `likely_query`: also with other endings, without their own prefixes, by doubtful words, and by the stems of other
   languages with the same script.

No established stemmer knows Hebrew without a dictionary on the database's machine or a language model, hence the
tables of `hebrew.py`.
"""
