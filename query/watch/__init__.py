"""The watch: it looks, keeps incidents, and tells of each once, and of its end."""
