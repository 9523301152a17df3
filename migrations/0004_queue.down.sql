DROP TABLE eviction, queue_hold, priority;
