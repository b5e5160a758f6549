"""Speech to text: the speech model, its windows, the turns of a conversation, and who speaks on which channel."""
