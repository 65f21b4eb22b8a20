/* src/behavior/timeline.sql */
