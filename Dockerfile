# The web page with the published networks: docker build -t style-web . && docker run -p 8000:8000 style-web
FROM python:3.11-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir '.[web,magenta]' gunicorn \
    && useradd --create-home web && mkdir -p /state /runs && chown web /state
USER web
ENV STYLE_WEB_STATE=/state STYLE_WEB_RUNS=/runs PYTHONUNBUFFERED=1
VOLUME /state /runs
EXPOSE 8000
HEALTHCHECK --start-period=120s CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"
# one process with threads: the models are in memory once
CMD ["gunicorn", "web.wsgi", "--bind=0.0.0.0:8000", "--workers=1", "--threads=8", "--timeout=120"]
