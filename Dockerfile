# syntax=docker/dockerfile:1
# The service in production: Node 24, the packages it needs at run time, what is compiled, and nothing else.
# docker build -t cloudmastershub-backend . && docker run -e SERVICE_NAME=payment-service --env-file .env -p 3004:3004 cloudmastershub-backend

FROM node:24.21.0-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
# dev and sandbox are only compiled: commands name them for development, and they stay behind in this stage
COPY tsconfig.json ./
COPY src src
COPY migrations migrations
COPY scripts scripts
COPY dev dev
COPY sandbox sandbox
RUN node node_modules/typescript/bin/tsc -p tsconfig.json --sourceMap false

FROM node:24.21.0-slim
# user 1001 has no home of its own, and packages ask where it is
ENV NODE_ENV=production HOME=/app
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist/src dist/src
COPY --from=build /app/dist/migrations dist/migrations
COPY --from=build /app/dist/scripts dist/scripts
COPY package.json schema.graphql ./
COPY scripts/setup-database.js scripts/
USER 1001:1001
EXPOSE 3004
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "dist/scripts/healthcheck.js"]
# compiled code is kept through pauses (docs/decisions/0019)
CMD ["node", "--no-memory-reducer", "dist/src/main.js"]
