"""The warehouse example: features of couriers, where the data are in PostgreSQL.

    make demo-warehouse

`features` is the only file that knows that it is PostgreSQL.
"""
