"""The Flask extensions, made once and given to the application by its factory; ``db`` lives in the domain."""

from flask_babel import Babel
from flask_bootstrap import Bootstrap5
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

babel = Babel()
bootstrap = Bootstrap5()
csrf = CSRFProtect()
migrate = Migrate()
