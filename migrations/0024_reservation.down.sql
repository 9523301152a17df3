DROP TABLE reservation_hold, reservation;
