"""The laptop: environments, jars, processes and the one command over them."""
