"""Planted bugs: each a small class that breaks one rule of a core, for the checker to find."""

from harness.mutants.catalogue import MUTANTS as MUTANTS, Mutant as Mutant
