"""Raw tables: the files of the landing folder, checked against a contract and loaded as they are."""
