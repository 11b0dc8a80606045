"""How a tenant leaves: nothing works any more at once, what is its own is handed out, and after a while erased.

`beginning` stops it, `exporting` hands it out, `erasing` erases it part by part, `job` does both in the background,
`preview` says beforehand what is concerned. Decision 21.
"""
