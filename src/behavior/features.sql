/* src/behavior/features.sql */
