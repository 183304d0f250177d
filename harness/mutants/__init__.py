"""Planted bugs: each a small class that breaks one rule, for the checker, or a look inside, to find."""

from harness.mutants.catalogue import HARMLESS as HARMLESS, MUTANTS as MUTANTS
from harness.mutants.mutant import Mutant as Mutant
