/** Members that hold private or symmetric key material (RFC 7518 §6.2.2, §6.3.2, §6.4; RFC 8037 §2). */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Whether the JWK contains private or symmetric key material, and so must not be published. */
export const hasPrivateMembers = (jwk: object): boolean => privateMembers.some((member) => member in jwk);
