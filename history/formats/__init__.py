"""Other people's history files, and how to tell which is which."""

from history.formats.detect import (
    AUTO as AUTO,
    FORMAT_NAMES as FORMAT_NAMES,
    load as load,
    recognise as recognise,
)
