"""Pure: values in, Dash components out."""
