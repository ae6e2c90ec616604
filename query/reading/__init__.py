"""The tables as they are read: names, terms, times past, answers as frames."""
