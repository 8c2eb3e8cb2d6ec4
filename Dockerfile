# The gateway alone; the broker and the database stand in docker-compose.yml.
FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY gateway gateway
COPY device_sim device_sim
COPY example example
COPY profiles profiles
RUN pip install --no-cache-dir -c constraints.txt . && useradd --system --home /data gateway && install -d -o gateway /data
# A volume mounted here begins with these rights: Mosquitto's image runs as group 1883, and new files get the folder's group
RUN install -d -o gateway -g 1883 -m 2750 /broker-files
COPY profiles /etc/gateway/profiles
USER gateway
WORKDIR /data
EXPOSE 8080
ENTRYPOINT ["gateway"]
CMD ["run", "--log", "json"]
