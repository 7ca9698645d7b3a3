"""A benchmark of any LRS over HTTP; knows nothing of this LRS but the standard."""
