/* Ceremonies recorded with Chromium 156 and its virtual authenticator, at the
 * origin http://localhost:8941, with the challenge 00 01 .. 1f; base64url, as the
 * browser gives them. The second assertion is without the user verified. */
#ifndef TEST_PASSKEY_RECORDS_H
#define TEST_PASSKEY_RECORDS_H

/* clang-format off */

static const struct passkey_record {
	const char *name;
	int alg;
	const char *id, *created, *registered; /* clientDataJSON, authenticatorData */
	struct {
		const char *client_data, *auth_data, *signature;
	} got[2];
} passkey_records[] = {
    {"es256", -7,
	"QwR3haS3Mk8n7S794jjGErGvh92VM7JOnF_wWqC6jg0",
	"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZC"
	"Z2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaWdpbiI6Imh0"
	"dHA6Ly9sb2NhbGhvc3Q6ODk0MSIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
	"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2NFAAAAAQECAwQFBgcIAQID"
	"BAUGBwgAIEMEd4WktzJPJ-0u_eI4xhKxr4fdlTOyTpxf8Fqguo4NpQECAyYgASFY"
	"IE1xO9Ya8YcueZqIvY73cJvE528rK1e_k-jFB1j6vbmyIlggKtilJFnvoD3nh7UM"
	"L7hGcfa1VRHwAEq_yRCTBv6GzN4",
	{
	    {"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJ"
		"Q1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaWdpbiI6Imh0dHA6"
		"Ly9sb2NhbGhvc3Q6ODk0MSIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
		"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAg",
		"MEUCIQDBcfeZEMJ4U1ZZqE8RBqynDZGFx2fVCd5zqKUNq7TBZAIgUIkEsl_066bz"
		"ncdiVxIWk56xE7j0sE7n7Sqeme3EScE"},
	    {"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJ"
		"Q1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaWdpbiI6Imh0dHA6"
		"Ly9sb2NhbGhvc3Q6ODk0MSIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
		"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MBAAAAAw",
		"MEUCIQDlk6CywXE2M4cNllV9gEzqznHH3ZFBb2TAFY7XCobuwQIgeAebADQ-6obN"
		"GG8DdHL4bfv9b6QYcmLKW1-BlWjQTUw"},
	}},
    {"eddsa", -8,
	"PTFt_cCO91cZAG-Q92Yl8_Uar72_t34dcaxBGsYNtvg",
	"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZC"
	"Z2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaWdpbiI6Imh0"
	"dHA6Ly9sb2NhbGhvc3Q6ODk0MSIsImNyb3NzT3JpZ2luIjpmYWxzZSwib3RoZXJf"
	"a2V5c19jYW5fYmVfYWRkZWRfaGVyZSI6ImRvIG5vdCBjb21wYXJlIGNsaWVudERh"
	"dGFKU09OIGFnYWluc3QgYSB0ZW1wbGF0ZS4gU2VlIGh0dHBzOi8vZ29vLmdsL3lh"
	"YlBleCJ9",
	"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2NFAAAAAQECAwQFBgcIAQID"
	"BAUGBwgAID0xbf3AjvdXGQBvkPdmJfP1Gq-9v7d-HXGsQRrGDbb4pAEBAycgBiFY"
	"INg2vZk-qH541uuPs_2Hrs03V6VqIg-781A-un7CeauV",
	{
	    {"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJ"
		"Q1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaWdpbiI6Imh0dHA6"
		"Ly9sb2NhbGhvc3Q6ODk0MSIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
		"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAg",
		"0ajitBwAC_sHlW_J_MzqGKUBD5FTV5vhOR-rke6wsIssQ9OMwAIPmKagoOGVGvzv"
		"_TP75Vg0YFTewSrkQbH9DA"},
	    {"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJ"
		"Q1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaWdpbiI6Imh0dHA6"
		"Ly9sb2NhbGhvc3Q6ODk0MSIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
		"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MBAAAAAw",
		"yGp7Qkzx0bYIeWmub_vZ7xcB3fae65PHl3TNxVNzcNzIn3kvYmlHlPfvE7qBPPY8"
		"_4FZlbcBffaLuIDYMXyRBw"},
	}},
    {"rs256", -257,
	"Eccliq3A4los7KGDtBzHh4EqcAY-lu7vJ-bijELBr9U",
	"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZC"
	"Z2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaWdpbiI6Imh0"
	"dHA6Ly9sb2NhbGhvc3Q6ODk0MSIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
	"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2NFAAAAAQECAwQFBgcIAQID"
	"BAUGBwgAIBHHJYqtwOJaLOyhg7Qcx4eBKnAGPpbu7yfm4oxCwa_VpAEDAzkBACBZ"
	"AQDvhZ7vcddkdbhRMbWb2E2Z_qT2P6fVMMYCZtJDuAAlZ63DYEJcfseHGKaUFYjI"
	"g9zAyHxAEMdi8iI9w-HRl9of-VL1YbFFfBWnXC_nfhruSiwaUOhl4DrN4_ltNV1d"
	"6bmTC5i3peoERz7GCYaFInsvCmXwtXe-UF6YpvO98YRHqI6WpG8RjZzGd2xcW_lZ"
	"M_2nzgsTmJAJK0GefUY31NE9SB9ZsP_f6myJ3ZgahNQDcget7t4GaW2WWOmMWSt7"
	"VXMyp2Bhag4Bar2LyaV8XpVal3KzOonS0bAOSQSeCtWUhlqWbfl7cv0KI6T_U6sa"
	"sqZcCIh7oAm1wMQad3TXI6VNIUMBAAE",
	{
	    {"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJ"
		"Q1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaWdpbiI6Imh0dHA6"
		"Ly9sb2NhbGhvc3Q6ODk0MSIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
		"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAg",
		"CIOLEyTkzeCS-gJzgm_fD3m_mFBZLjIcuBl3g5FmADC38pyrRocTaYhRq8147T5W"
		"ZfDlUw_4cLknZesEfGeoBBrxr5F64wZpeU4myHxSSrhNDZHpo2B4p6-2nJv2wL7f"
		"cBj8iuNb2WWkFvoxO-ge3QLRCwZks8__gdeAT9Fbi8byqPzIY6Y9y8A-khMEL1ig"
		"7ThM6tTMKG5LfMTs57qqJ0mHUyUYv1W7yklJUoYxdvj53zQ5uUu9850uXjefnULO"
		"p_jUugShbdulSMuj8HhDJtohgk96aNvvGVHan7IzVLK_DrhrXkGKcKh_eo49gqmI"
		"-xmg-xh32QlihfETlebegQ"},
	    {"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJ"
		"Q1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaWdpbiI6Imh0dHA6"
		"Ly9sb2NhbGhvc3Q6ODk0MSIsImNyb3NzT3JpZ2luIjpmYWxzZX0",
		"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MBAAAAAw",
		"r3_WcVizxSPb0pS9Id7mEbKRwIrKziYW1dQk94sgQKPtylLBj6gGNo-zdzFnanyu"
		"nVFhIoO0KjHPXsJwiab_cDM8RrZp85WebCpmGaC_Mdj-Z6XyBLzOyns3b0xTZa2r"
		"h27oa4PLX5bPjtb7cLbGpAB9WDrn734mb0QWvVHyBiTE4Im9IFhPCKs-G-4oclWt"
		"KDruLl2sx1H6OFMRzKDt5sKBa5XdXPPkR1YItX-IK2Jw1u0jRT_MbaS8QfKbxK6W"
		"fueNbFwqFHC7aeo5AZtC9EM0dWap0IarUdpD1o-KR1PxyVbUjG0TWHMNLhc5xA99"
		"81oNPEjg2PczESkxCvJW4g"},
	}},
};

#endif
