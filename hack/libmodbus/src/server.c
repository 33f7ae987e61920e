/*
 * A Modbus server on libmodbus: units 1 to 32 behind a TCP port, for any number
 * of clients, or on a serial line of 19200 8E1. Units that are named as silent
 * take requests and answer none.
 *
 * Prints the port that it listens on, or the path of the line. Ends when its
 * standard input does, so that it never outlives a test.
 *
 * Usage: server tcp PORT [SILENT UNIT]... | server rtu PATH [SILENT UNIT]...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <modbus.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

enum { UNITS = 32, BITS = 64, REGISTERS = 200 };

static modbus_mapping_t *units[UNITS + 1];
static int silent[UNITS + 1];

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

/* Makes the registers of a unit, which tell where they are. */
static void fill(int unit)
{
    modbus_mapping_t *m = modbus_mapping_new(BITS, BITS, REGISTERS, REGISTERS);
    if (m == NULL)
        fail("make a unit's registers");
    for (int i = 0; i < BITS; i++) {
        m->tab_bits[i] = i % 3 == 0;
        m->tab_input_bits[i] = i % 2;
    }
    for (int i = 0; i < REGISTERS; i++) {
        m->tab_registers[i] = 256 * unit + i;
        m->tab_input_registers[i] = 1000 + i;
    }
    units[unit] = m;
}

/* The size of a request over RTU. */
static int rtu_size(const uint8_t *request)
{
    switch (request[1]) {
    case MODBUS_FC_WRITE_MULTIPLE_COILS:
    case MODBUS_FC_WRITE_MULTIPLE_REGISTERS:
        return 9 + request[6];
    case MODBUS_FC_MASK_WRITE_REGISTER:
        return 10;
    }
    return 8;
}

/* Receives a request over RTU, of any unit: libmodbus itself takes those of one. */
static int receive_rtu(int fd, uint8_t *request)
{
    int size = 0, want = 8;
    while (size < want) {
        int n = read(fd, request + size, want - size);
        if (n <= 0)
            return -1;
        size += n;
        if (size >= 8)
            want = rtu_size(request);
    }
    return size;
}

/* Answers a request of some size; 0 if the client is gone. */
static int answer(modbus_t *ctx, const uint8_t *request, int size)
{
    if (size <= 0)
        return 0;
    int unit = request[modbus_get_header_length(ctx) - 1];
    if (unit < 1 || unit > UNITS || silent[unit])
        return 1;
    return modbus_reply(ctx, request, size, units[unit]) >= 0;
}

/* Waits until one of the descriptors can be read, which are left in the set. */
static void await(fd_set *set)
{
    if (select(FD_SETSIZE, set, NULL, NULL, NULL) < 0)
        fail("select");
    char byte;
    if (FD_ISSET(STDIN_FILENO, set) && read(STDIN_FILENO, &byte, 1) <= 0)
        exit(0);
}

static void serve_tcp(int port)
{
    modbus_t *ctx = modbus_new_tcp("127.0.0.1", port);
    int listener = modbus_tcp_listen(ctx, 8);
    if (listener < 0)
        fail("listen");
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    getsockname(listener, (struct sockaddr *)&at, &size);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);

    uint8_t request[MODBUS_MAX_ADU_LENGTH];
    fd_set open;
    FD_ZERO(&open);
    FD_SET(STDIN_FILENO, &open);
    FD_SET(listener, &open);
    for (;;) {
        fd_set ready = open;
        await(&ready);
        for (int fd = listener + 1; fd < FD_SETSIZE; fd++) {
            if (!FD_ISSET(fd, &ready))
                continue;
            modbus_set_socket(ctx, fd);
            if (!answer(ctx, request, modbus_receive(ctx, request))) {
                close(fd);
                FD_CLR(fd, &open);
            }
        }
        if (FD_ISSET(listener, &ready)) {
            int fd = modbus_tcp_accept(ctx, &listener);
            if (fd >= 0)
                FD_SET(fd, &open);
        }
    }
}

static void serve_rtu(const char *path)
{
    modbus_t *ctx = modbus_new_rtu(path, 19200, 'E', 8, 1);
    if (ctx == NULL || modbus_set_slave(ctx, 1) < 0 || modbus_connect(ctx) < 0)
        fail(path);
    int fd = modbus_get_socket(ctx);
    fcntl(fd, F_SETFL, 0); /* reads wait */
    printf("%s\n", path);
    fflush(stdout);
    uint8_t request[MODBUS_MAX_ADU_LENGTH];
    for (;;) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(STDIN_FILENO, &set);
        FD_SET(fd, &set);
        await(&set);
        if (FD_ISSET(fd, &set))
            answer(ctx, request, receive_rtu(fd, request));
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    for (int unit = 1; unit <= UNITS; unit++)
        fill(unit);
    for (int i = 3; i < argc; i++)
        silent[atoi(argv[i]) % (UNITS + 1)] = 1;
    if (strcmp(argv[1], "tcp") == 0)
        serve_tcp(atoi(argv[2]));
    serve_rtu(argv[2]);
}
