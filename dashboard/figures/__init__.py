"""Charts. Pure: rows in, Plotly figures out; a click finds its address in `customdata`."""
