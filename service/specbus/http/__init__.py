"""The REST side: connexion routes by `openapi.yaml`; here are the operations and what is checked around them."""

import warnings

# Connexion imports Starlette's test client, which warns of the httpx that connexion itself installs.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
