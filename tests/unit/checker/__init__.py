"""Unit tests of the judge: models, search, evidence, explanations."""
