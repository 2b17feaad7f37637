"""`make docs`: everything that describes this platform, as one site on the loopback interface.

    guide      the Markdown pages of the repository as HTML, links between them checked
    assets     every asset with its group, owner, description and checks, as Dagster knows them
    marts      dbt's own documentation of its project
    site       the three together, under one index
    __main__   the server, which shows the expectations of the raw tables beside them

Pages load nothing of other servers.
"""
