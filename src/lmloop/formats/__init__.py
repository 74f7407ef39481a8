"""What readers share: opening and unpacking files, telling encodings, finding fields, main text of pages."""
