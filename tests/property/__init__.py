"""Claims about all small cases, compared with something dumb and right."""
