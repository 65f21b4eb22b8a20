/* src/forest/metrics.sql */
