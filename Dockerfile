FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LRS_DATA_DIR=/data
RUN useradd --system --create-home lrs && install -d -o lrs /data
WORKDIR /app

COPY pyproject.toml README.md LICENSE manage.py ./
COPY config config
COPY lrs lrs
COPY statements statements
RUN pip install --no-cache-dir -e .

USER lrs
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["python", "manage.py", "start", "--bind", "0.0.0.0"]
