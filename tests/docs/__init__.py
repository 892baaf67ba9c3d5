"""What the documents and the files for operators claim."""
