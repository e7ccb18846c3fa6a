/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the benchmark's programs share: sockets, clocks, figures, and orders to the peer. */

#pragma once

#include <stddef.h>
#include <stdint.h>

#define SERVER_NAME "server.example.com"
#define MAX_MESSAGE 16384
/* The longest record on the wire, and how many of them one batch holds. */
#define MAX_DATAGRAM (MAX_MESSAGE + 2048 + 13)
#define MAX_BATCH 64

/* Seconds of this process's own processor time, user and system, and of wall clock. */
typedef struct
{
  double cpu;
  double wall;
} Moment;

/* Prints the reason and ends the process with status 1. */
void fail (const char *format, ...) __attribute__ ((noreturn, format (printf, 1, 2)));

/* Fails unless it holds. */
#define check(condition, ...) do { if (!(condition)) fail (__VA_ARGS__); } while (0)

Moment now (void);
/* Seconds of wall clock alone, which cost far less to ask for. */
double wall_clock (void);
/* Adds the time since `begin` to `total`. */
void add_since (Moment *total, Moment begin);

double median (double *values, size_t count);
/* Prints one figure of the work, as `run` reads it. */
void report (const char *name, double value);
/* The same of one of many handshakes, of which those that failed took a negative time. */
void report_handshake (double wall);

/* A UDP socket on the loopback interface with a large receive buffer, connected to `port` if it is not 0. */
int udp_socket (uint16_t port);
/* How many messages of `size` bytes fit into the receive buffer of such a socket: a multiple of 32. */
unsigned burst (int fd, size_t size);

/* Where the peer takes orders. */
void set_control_port (uint16_t port);
/* Gives the peer an order, waits until it is carried out, and returns the number in the answer. */
long order (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* Threads and descriptors of this process, and its resident memory in bytes. */
unsigned count_threads (void);
unsigned count_descriptors (void);
double resident_memory (void);
/* Raises the limit of descriptors to what the kernel permits. */
void allow_descriptors (void);
