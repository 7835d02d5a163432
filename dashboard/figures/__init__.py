"""Charts. Pure: rows in, Plotly figures out; a click finds its address in `customdata`.

A figure is what Plotly reads in the browser, as plain dicts: to make a `go.Figure` of it took more
time than the queries. The tests make one of each, and so check every name and value in it.
"""
