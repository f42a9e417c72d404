"""Tasks and targets for other systems, under the names that Luigi gives them.

Importing one of these modules always works; a missing client library is named where it is first needed.
"""
