"""People's pages of the service: home, credentials, users, tasks; and what they share with those of statements."""

from lrs.admin import connections as connections
from lrs.admin import credentials as credentials
from lrs.admin import home as home
from lrs.admin import inbox as inbox
from lrs.admin import learners as learners
from lrs.admin import quarantine as quarantine
from lrs.admin import shapes as shapes
from lrs.admin import sources as sources
from lrs.admin import tasks as tasks
from lrs.admin import users as users
from lrs.admin import webinars as webinars
from statements import admin as pages_of_statements  # noqa: F401  (registered first: the home page stands on them)
