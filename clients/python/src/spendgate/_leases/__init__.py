"""The rules of a lease holder: no I/O, no clock, no lock.

    amounts   exact amounts, as whole billionths
    pricing   what a usage costs by the prices that the service sent
    lines     what the calls of a lease came to, for the usage log
    sizing    how much a lease takes: what its own rate uses in a few seconds
    tenure    one reservation of a lease, and the calls that it has admitted
    steps     what a holder asks the service for
    demand    how much a holder uses, and how much it should have
    tenures   the reservations of a holder, and what is due about each
    holder    the holder: what it admits, and the step that is due

`spendgate._lease_engine` runs holders with threads and a transport.
"""
