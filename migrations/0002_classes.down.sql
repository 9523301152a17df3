DELETE FROM device_class;
