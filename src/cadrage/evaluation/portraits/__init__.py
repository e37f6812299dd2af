"""The portrait probe: which of two people a crop keeps that can hold one."""
