"""The dashboard: pages in the browser over the documented API, without a build step and without a network.

- `files.py` serves the files of `static/`, which are ES modules of our own and one style sheet.
- `static/sign_in.js` is all that a browser gets before it has signed in; `static/app.js` is where to start
  reading the rest: it knows the pages (`static/pages/`), which draw with `dom.js` and `charts.js`, and ask
  with `api.js`.

What a page shows is what its caller may read anyway: there is no API of the dashboard's own, apart from
`/ui/session` (see `doors.sign_in`). Everything that comes from elsewhere is drawn as text nodes.
"""

from .files import Dashboard

__all__ = ["Dashboard"]
