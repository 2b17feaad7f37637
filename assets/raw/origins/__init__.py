"""Where rows come from that do not land by hand: databases and buckets, fetched into the landing folder.

A fetch copies what is new of a table into files of `landing/<source>/<table>/` and ends there. From then on they are
exports like any other, so that there is one loader, one set of contracts, one ledger and one way in which a later
export overrules an earlier one; and the landing folder is the archive of what was seen when.
"""
