"""Reports in a real browser: can a person read them?"""
