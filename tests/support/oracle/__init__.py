"""What PRODUCT.md says the numbers are, in plain Python: no SQL, nothing of the product.

Written from PRODUCT.md's sentences alone, by somebody who had not read the code that it judges.
`Hub` is told what happened (collections, decisions, months closed), the answers are asked of it.
Each function names the rule that it implements.
"""
