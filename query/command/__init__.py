"""`./bullion sql`: a query or a prompt in the terminal, answers as files and charts."""
