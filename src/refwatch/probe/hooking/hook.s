# Burst mode's functions in front of CPython's allocators of the domains obj and mem. x86-64, System V
# ABI, GNU as; tools/assemble.py makes machine.py of it. A block that is not sampled takes only a few
# instructions, because they run for every block.
#
# Each block's size plus EXTRA is subtracted from a countdown. If that falls below zero, the block is
# sampled, and the countdown restarts at a random number with an exponential distribution (`mean`
# times a random quantile). So a block of s bytes is sampled with the probability
# 1 - exp(-(s + EXTRA) / mean), whatever came before it.
#
# All of it runs with the GIL held, which the domains obj and mem demand of their callers. The data
# are one page behind the code; buffer.py has the offsets.

        .intel_syntax noprefix
        .equ EXTRA, 256                 # bytes: small blocks are to be seen, too
        .equ DEPTH, 25                  # frames of a traceback
        .equ HEAD, 32                   # bytes of a record before its frames
        .equ RECORD, HEAD + 16 * DEPTH
        .equ RECORDS, 4096              # the newest; older ones are overwritten
        .equ FOLLOWED, 1024             # so many of the newest are marked when they are freed
        .equ SLOTS, 4096                # by address: 1 + number of the record of a block there
        .text
        .org 0

# The four functions of a PyMemAllocatorEx, in front of those at \orig (ctx, malloc, calloc, realloc,
# free). Arguments in rdi, rsi, rdx are passed on unchanged.

        .macro domain orig
        # malloc(ctx, size)
1:      lea     rax, [rsi + EXTRA]
        sub     [rip + countdown], rax
        js      2f
        jmp     [rip + \orig + 8]
2:      mov     r11, rsi
        lea     r10, [rip + \orig + 8]
        jmp     look
        .balign 16
        # calloc(ctx, count, size)
3:      mov     rax, rsi
        imul    rax, rdx
        lea     r11, [rax + EXTRA]
        sub     [rip + countdown], r11
        js      4f
        jmp     [rip + \orig + 16]
4:      mov     r11, rax
        lea     r10, [rip + \orig + 16]
        jmp     look
        .balign 16
        # realloc(ctx, block, size): the old block ends, and a new one begins
5:      mov     eax, esi
        shr     eax, 4
        and     eax, SLOTS - 1
        lea     r10, [rip + slots]
        cmp     word ptr [r10 + 2 * rax], 0
        jne     7f
6:      lea     rax, [rdx + EXTRA]
        sub     [rip + countdown], rax
        js      8f
        jmp     [rip + \orig + 24]
7:      call    freed
        jmp     6b
8:      mov     r11, rdx
        lea     r10, [rip + \orig + 24]
        jmp     look
        .balign 16
        # free(ctx, block)
9:      mov     eax, esi
        shr     eax, 4
        and     eax, SLOTS - 1
        lea     r10, [rip + slots]
        cmp     word ptr [r10 + 2 * rax], 0
        jne     11f
10:     jmp     [rip + \orig + 32]
11:     call    freed
        jmp     10b
        .balign 16
        .endm

        domain  obj
        .org 256
        domain  mem
        .org 512

# Frees a block whose slot is in use. rsi = block, r10 = slots, rax = slot. Keeps rdi, rsi, rdx.
freed:  movzx   ecx, word ptr [r10 + 2 * rax]
        dec     ecx
        js      1f                      # no longer: an interpreter with a GIL of its own was faster
        imul    r8, rcx, RECORD
        lea     r9, [rip + records]
        add     r8, r9
        cmp     [r8], rsi
        jne     1f                      # another block's
        mov     word ptr [r10 + 2 * rax], 0
        mov     r9, [rip + count]
        inc     r9
        mov     [r8 + 24], r9
1:      ret

# Samples a block. r10 = address of the original function's, r11 = bytes requested.
look:   push    rbx                     # the record
        push    r12                     # bytes
        push    r13                     # the block
        mov     r12, r11
        mov     eax, [rip + random]     # a linear congruential generator; its upper bits are used
        imul    eax, eax, 1664525
        add     eax, 1013904223
        mov     [rip + random], eax
        shr     eax, 20
        lea     rcx, [rip + quantiles]
        mov     eax, [rcx + 4 * rax]
        imul    rax, [rip + mean]
        shr     rax, 16
        mov     [rip + countdown], rax
        call    [r10]
        mov     r13, rax
        test    rax, rax
        jz      9f                      # no memory
        mov     rax, [rip + count]
        lea     r8, [rip + slots]
        lea     r9, [rip + records]
        lea     ecx, [rax - FOLLOWED]   # this one is not followed any more
        and     ecx, RECORDS - 1
        imul    rdx, rcx, RECORD
        mov     rdx, [r9 + rdx]
        shr     edx, 4
        and     edx, SLOTS - 1
        inc     ecx
        cmp     [r8 + 2 * rdx], cx
        jne     1f
        mov     word ptr [r8 + 2 * rdx], 0
1:      and     eax, RECORDS - 1
        imul    rbx, rax, RECORD
        add     rbx, r9
        mov     [rbx], r13
        mov     [rbx + 8], r12
        mov     qword ptr [rbx + 24], 0
        mov     rdx, r13
        shr     edx, 4
        and     edx, SLOTS - 1
        inc     eax
        mov     [r8 + 2 * rdx], ax
        call    [rip + current]         # the calling thread's state
        xor     ecx, ecx
        test    rax, rax
        jz      8f
        mov     rdx, [rip + path0]
        mov     rax, [rax + rdx]
        mov     rdx, [rip + path1]
        test    rdx, rdx
        js      2f                      # no C frame between
        test    rax, rax
        jz      8f
        mov     rax, [rax + rdx]
2:      mov     r8, [rip + code]
        mov     r9, [rip + instruction]
        mov     r10, [rip + previous]
        lea     r11, [rbx + HEAD]
3:      test    rax, rax
        jz      8f
        mov     rdx, [rax + r8]
        mov     [r11], rdx
        mov     rdx, [rax + r9]
        mov     [r11 + 8], rdx
        mov     rax, [rax + r10]
        add     r11, 16
        inc     ecx
        cmp     ecx, DEPTH
        jb      3b
8:      mov     [rbx + 16], rcx
        inc     qword ptr [rip + count] # last: who reads from outside sees whole records
9:      mov     rax, r13
        pop     r13
        pop     r12
        pop     rbx
        ret
        .org 4096

        .equ countdown, .
        .equ count, . + 8
        .equ mean, . + 16
        .equ random, . + 24
        .equ current, . + 32
        .equ path0, . + 40
        .equ path1, . + 48
        .equ code, . + 56
        .equ instruction, . + 64
        .equ previous, . + 72
        .equ obj, . + 128
        .equ mem, . + 192
        .equ slots, . + 512
        .equ quantiles, . + 512 + 2 * SLOTS
        .equ records, . + 0x7000
