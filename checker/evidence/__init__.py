"""Evidence for a verdict: small, written down, and checked by code that did not find it.

- `deletions`, `knowledge`, `shrink`: from a part that is not linearizable to a core of a few operations;
- `certificate`: evidence as data, and its file;
- `verify`: whether a certificate proves its verdict; shares nothing with the above or the engines.
"""
