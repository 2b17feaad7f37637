"""The weekly report: what a model recommends, why, and how far it can be trusted, on two pages.

    gather      a posterior's figures as `Findings`            mmm_core.report.gather
    change      what moved since the last version, and why     mmm_core.report.change
    contents    findings in words, tables and charts: a `Page` mmm_core.report.contents
    html, markdown, manifest   a page, and what it was made of, as text

The same findings give the same bytes: nothing here asks for the time, the network or the machine.
"""
